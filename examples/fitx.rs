use std::path::Path; use std::time::Instant; use sulfit::estimate::*; use std::sync::Mutex;
struct M(Instant, Mutex<()>);
impl Monitor for M { fn begin(&self,s:&str,_n:usize){ println!("[{:.0}s] {s}",self.0.elapsed().as_secs_f64()); } fn advance(&self,s:&Status<'_>){ if s.iteration.is_some(){ println!("   [{:.0}s] it {:?} cost {:.4} grad {:.1e} evals {} failed {}",self.0.elapsed().as_secs_f64(),s.iteration.unwrap(),s.cost,s.scaled_gradient,s.evaluations,s.failed); } } fn is_interrupted(&self)->bool{false} }
fn main(){ let s=sulfit::config::read_study(Path::new("experiments/star_lcnc.toml")); let s=match s {Ok(s)=>s,Err(e)=>{println!("{e}");return;}};
 let m=M(Instant::now(),Mutex::new(()));
 if std::env::args().nth(1).as_deref()==Some("sim") { let r=simulate(&s,&m); let v=&r.variants[0]; println!("cost {} data {} time {:?}",v.cost,v.cost_data,m.0.elapsed()); for o in &v.observed { println!("{:20} {:2} meas {:9.4} model {:9.4} z {:+.2}",o.observation.target.id,o.observation.target.cell,o.observation.measured,o.model,o.observation.noise.residual(o.model,o.observation.measured)); } for p in &v.predicted {println!("{} {:?} {}",p.target.id,p.model,p.measured);} for o in &v.verdicts{println!("{} {:?}",o.claim,o.values);} for f in r.failures{println!("{f}");} return; }
 let r=fit(&s,&m); for v in &r.variants { println!("== {} cost {:.3} data {:.3} coarse {:.3} grad {:.1e} {}",s.variants[v.variant].name,v.cost,v.cost_data,v.cost_coarse,v.scaled_gradient,v.stop);
  for st in &v.starts{println!("{st:?}");} for a in &v.alternatives{println!("{a:?}");}
  for o in &v.observed { println!("{:20} {:2} meas {:9.4} model {:9.4} z {:+.2} sd {:?}",o.observation.target.id,o.observation.target.cell,o.observation.measured,o.model,o.observation.noise.residual(o.model,o.observation.measured),o.model_sd); }
  for e in &v.estimates { println!("{:16} {:.4e} {:?}",s.variants[v.variant].free[e.index].name,e.value,e.sd); }
  for p in &v.predicted {println!("{} {:?} {:?} {}",p.target.id,p.model,p.sd,p.measured);} for o in &v.verdicts{println!("{} {:?}",o.claim,o.values);} }
 println!("failed {} {:?}",r.failed,r.failures.iter().map(|f|f.to_string()).collect::<Vec<_>>());
}
