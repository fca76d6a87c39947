use std::path::Path; use std::time::Instant; use sulfit::estimate::*; use sulfit::cell::*; use sulfit::simulate::*;
fn main(){ let s=sulfit::config::read_study(Path::new("experiments/star_lcnc.toml")).unwrap();
 let v=&s.variants[0]; let t=s.mechanism.parameters();
 let mut x:Vec<f64>=v.free.iter().map(|f|{ let val=match &f.role{Role::Value(id)=>t.row(*id).value,_=>f64::NAN}; if val.is_nan(){f.prior_coordinates().0}else{f.scale().to_coordinate(val)} }).collect();
 for (f,val) in [("kdes CNT/STAR",0.4823f64),("k1, k2 CNT/STAR",0.5397),("k3 CNT/STAR",0.178),("k4 CNT/STAR",0.000559),("Kads CNT/STAR",0.495),("kd CNT/STAR",1.364)] { let i=v.free.iter().position(|q|q.name==f).unwrap(); x[i]=val.ln(); }
 let a:Vec<String>=std::env::args().collect(); let rel:f64=a[1].parse().unwrap(); let af:f64=a[2].parse().unwrap();
 let mesh=if a[3]=="fine" {Mesh{n_separator:6,n_electrode:5}} else {Mesh{n_separator:4,n_electrode:1}};
 let acc=Accuracy{relative:rel,absolute_factor:af};
 let mut runs:Vec<(usize,usize)>=vec![]; for o in &s.observations { let r=(o.target.cell,o.target.protocol); if !runs.contains(&r){runs.push(r);} }
 let mut total=0.0; let mut plans=vec![];
 for (c,p) in &runs { let vals=s.values(v,&x,*c,*p); let pr=&s.protocols[*p]; let cell=Cell::new(&s.mechanism,&vals,mesh.design(&pr.start)); let t=Instant::now(); let o=run(&cell,pr,acc,None).unwrap(); let e=t.elapsed().as_secs_f64(); total+=e; println!("cell {c} {:20} {:.3} s",pr.name,e); plans.push(o.plans); }
 println!("total {total:.3}");
 let obs=|x:&[f64]|->Vec<f64>{ use rayon::prelude::*; let outs:Vec<_>=runs.par_iter().zip(&plans).map(|((c,p),pl)|{ let vals=s.values(v,x,*c,*p); let pr=&s.protocols[*p]; let cell=Cell::new(&s.mechanism,&vals,mesh.design(&pr.start)); let o=run(&cell,pr,acc,Some(pl)).unwrap(); (*c,*p,cell,o)}).collect();
  s.observations.iter().map(|ob|{ let (_,_,c,o)=outs.iter().find(|q|q.0==ob.target.cell&&q.1==ob.target.protocol).unwrap(); ob.noise.residual(ob.target.observable.measure(c,o).unwrap(),ob.measured)}).collect() };
 if a.len()>4 { for k in a[4..].iter() { let k:usize=k.parse().unwrap(); println!("param {}",v.free[k].name);
  let mut cols=vec![]; for h in [0.04,0.02,0.01,0.005,0.002] { let mut xp=x.clone(); xp[k]+=h; let mut xm=x.clone(); xm[k]-=h; let (p,m)=(obs(&xp),obs(&xm)); cols.push(p.iter().zip(&m).map(|(a,b)|(a-b)/(2.0*h)).collect::<Vec<_>>()); }
  for (i,o) in s.observations.iter().enumerate() { let row:Vec<String>=cols.iter().map(|c|format!("{:+10.4}",c[i])).collect(); println!("  {:20} {} {}",o.target.id,o.target.cell,row.join(" ")); } } }
}
