use std::path::Path; use sulfit::estimate::*; use sulfit::cell::*; use sulfit::simulate::*;
fn main(){ let s=sulfit::config::read_study(Path::new("experiments/star_lcnc.toml")).unwrap();
 let v=&s.variants[0]; let t=s.mechanism.parameters();
 let mut x:Vec<f64>=v.free.iter().map(|f|{ let val=match &f.role{Role::Value(id)=>t.row(*id).value,_=>f64::NAN}; if val.is_nan(){f.prior_coordinates().0}else{f.scale().to_coordinate(val)} }).collect();
 for (f,val) in [("kdes CNT/STAR",0.4823f64),("k1, k2 CNT/STAR",0.5397),("k3 CNT/STAR",0.178),("k4 CNT/STAR",0.000559),("Kads CNT/STAR",0.495),("kd CNT/STAR",1.364)] { let i=v.free.iter().position(|q|q.name==f).unwrap(); x[i]=val.ln(); }
 let p=s.protocols.iter().position(|p|p.name=="voltammetry").unwrap(); let pr=&s.protocols[p];
 for dx in [0.0,0.01] { for rel in [1e-5,1e-7] { let mut x=x.clone(); x[7]+=dx; let vals=s.values(v,&x,1,p); let cell=Cell::new(&s.mechanism,&vals,Mesh{n_separator:4,n_electrode:1}.design(&pr.start)); let o=run(&cell,pr,Accuracy{relative:rel,absolute_factor:rel/1e-5},None).unwrap();
  if let StepOutcome::Sweep(r)=&o.steps[1] { let rec=&r[1].record; println!("dx {dx} rel {rel}"); let n=rec.len(); for i in 1..n-1 { if -rec.current[i] > -rec.current[i-1] && -rec.current[i] >= -rec.current[i+1] { println!("  max at {:.5} V {:.6} A/m2",rec.voltage_v[i],-rec.current[i]); } } 
   if rel==1e-7 && dx==0.0 { for i in (0..n).step_by(n/60) { println!("{:.4} {:.4}",rec.voltage_v[i],-rec.current[i]); } } } } }
}
