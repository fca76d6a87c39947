use std::path::Path; use std::sync::Arc; use std::time::Instant; use std::collections::BTreeMap;
use sulfit::cell::*; use sulfit::config::read_mechanism; use sulfit::simulate::*; use sulfit::protocol::*;
fn main(){
 let m=Arc::new(read_mechanism(Path::new("models/mg_s_tandem.toml")).unwrap());
 let args:Vec<String>=std::env::args().collect(); let rel:f64=args.get(1).map_or(1e-5,|a|a.parse().unwrap()); let af:f64=args.get(2).map_or(1.0,|a|a.parse().unwrap());
 for set in ["star","cnt","star_A","cnt_A"]{
  let named:BTreeMap<String,f64>=serde_json::from_str(&std::fs::read_to_string(format!("tests/reference/params_{set}.json")).unwrap()).unwrap();
  let mut v=m.parameters().values(); for (k,x) in &named { if k!="Lc"{ v[m.parameters().find(k).unwrap().index()]=if k=="loading"{x*1e-3}else{*x}; } }
  for (ns,nc) in [(4,1),(6,5)] { let cell=Cell::new(&m,&v,Design::battery(ns,nc));
   let c=Cycles{c_rate:0.5,count:400,lower_v:0.4,upper_v:2.1,time_factor:1.15,may_jump:true,is_recorded:false};
   let run=|j:Jumping|{ let t=Instant::now(); let mut s=Simulation::new(&cell,Accuracy{relative:rel,absolute_factor:af},cell.fresh_state()); s.rest(21600.0).unwrap(); let l=s.cycle(&c,j).unwrap(); (l, t.elapsed().as_secs_f64())};
   let (a,ta)=run(Jumping::Adaptive); let (f,tf)= if nc==1 {run(Jumping::Never)} else {(a.clone(),0.0)};
   println!("{set} {ns},{nc}: jump {:.2} ({} cycles, {ta:.2} s) full {:.2} ({tf:.2} s) dev {:.3}%",a.discharge_mah_g(400).unwrap(),a.cycles.len(),f.discharge_mah_g(400).unwrap(),100.0*(a.discharge_mah_g(400).unwrap()/f.discharge_mah_g(400).unwrap()-1.0));
  }
 }
}
