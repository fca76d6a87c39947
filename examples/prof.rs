use std::path::Path; use std::sync::Arc; use std::time::Instant;
use sulfit::cell::*; use sulfit::config::read_mechanism; use sulfit::simulate::*; use sulfit::numerics::bordered::BorderedLu;
fn main(){
 let mechanism=Arc::new(read_mechanism(Path::new("models/mg_s_tandem.toml")).unwrap());
 let values=mechanism.parameters().values();
 let cell=Cell::new(&mechanism,&values,Design::battery(6,5));
 let mut s=Simulation::new(&cell,Accuracy{relative:1e-8,absolute_factor:1e-3},cell.fresh_state()); s.rest(21600.0).unwrap();
 let y=s.state().to_vec(); let n=y.len(); let i=0.5*cell.one_c_a_m2();
 let mut r=vec![0.0;n]; let t=Instant::now(); for _ in 0..10000{ cell.rate(&y,i,&mut r);} println!("rate {:.2} us",t.elapsed().as_secs_f64()*100.0);
 let mut j=vec![0.0;n*n]; let t=Instant::now(); for _ in 0..10000{ j.fill(0.0); cell.jacobian(&y,i,n,&mut j);} println!("jac {:.2} us",t.elapsed().as_secs_f64()*100.0);
 let mut lu=BorderedLu::<f64>::new(&cell.layout().shape); let c=1.0;
 let mut wm:Vec<f64>=j.iter().map(|v|-c*v).collect(); for k in 0..n{wm[k*n+k]+=1.0;}
 let t=Instant::now(); for _ in 0..10000{ lu.factorise(&wm);} println!("lu {:.2} us",t.elapsed().as_secs_f64()*100.0);
 let t=Instant::now(); for _ in 0..10000{ let mut b=r.clone(); lu.solve(&mut b);} println!("solve {:.2} us",t.elapsed().as_secs_f64()*100.0);
 for (rel,af) in [(1e-4,10.0),(1e-3,100.0),(3e-3,100.0),(1e-2,1000.0)] {
  let acc=Accuracy{relative:rel,absolute_factor:af};
  let mut best=1e9f64; let mut w=Default::default(); let mut q=(0.0,0.0);
  for _ in 0..20 { let mut s=Simulation::new(&cell,acc,y.clone()); let t=Instant::now();
   let d=s.galvanostatic(i,Some(0.4),8280.0,false).unwrap(); let c=s.galvanostatic(-i,Some(2.1),8280.0,false).unwrap(); best=best.min(t.elapsed().as_secs_f64()); w=s.work(); q=(d.duration_s,c.duration_s);}
  println!("rtol {rel:e} x{af}: {:.2} ms {w:?} {q:?}",best*1e3);
 }
}
