//! The shipped surrogate against the cell model: all numbers for many points, the gradient of one number, and the rate
//! test that one of the numbers comes from.

use std::path::Path;

use criterion::BatchSize;
use criterion::Criterion;
use criterion::Throughput;
use criterion::criterion_group;
use criterion::criterion_main;
use sulfit::cell::Cell;
use sulfit::config::read_plan;
use sulfit::config::read_surrogate;
use sulfit::simulate::Accuracy;
use sulfit::simulate::Mesh;
use sulfit::simulate::run;
use sulfit::surrogate::Set;
use sulfit::surrogate::point;

/// Points of one call.
const POINTS: usize = 8192;

fn surrogate(criterion: &mut Criterion) {
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    let plan = read_plan(&project.join("experiments/star_lcnc_surrogate.toml"));
    let plan = plan.expect("the shipped training file is right");
    let folder = project.join("models/surrogates/mg_s_tandem");
    let surrogate =
        read_surrogate(&folder, &plan.mechanism).expect("the shipped surrogate belongs");
    let points = (0..POINTS).flat_map(|i| point(&plan, Set::Test, i));
    #[expect(clippy::cast_possible_truncation, reason = "networks compute with f32")]
    let inputs: Vec<f32> = points.map(|c| c as f32).collect();
    let mut group = criterion.benchmark_group("surrogate");
    group.sample_size(20);
    group.throughput(Throughput::Elements(POINTS as u64));
    group.bench_function("all numbers", |b| {
        b.iter(|| surrogate.number_networks.predict(&inputs));
    });
    group.bench_function("gradient of one number", |b| {
        b.iter(|| surrogate.number_networks.gradient(&inputs, 1));
    });
    group.throughput(Throughput::Elements(1));
    let centre = vec![0.0; plan.axes.len()];
    let protocol = plan.protocol(0, &centre);
    let mesh = Mesh {
        n_separator: 6,
        n_electrode: 5,
    };
    group.bench_function("rate test by the cell model", |b| {
        b.iter_batched(
            || {
                Cell::new(
                    &plan.mechanism,
                    &plan.values(&centre),
                    mesh.design(&plan.mechanism, &protocol),
                )
            },
            |cell| run(&cell, &protocol, Accuracy::default(), None),
            BatchSize::SmallInput,
        );
    });
    group.finish();
}

criterion_group!(benches, surrogate);
criterion_main!(benches);
