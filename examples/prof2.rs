use std::path::Path; use std::sync::Arc; 
use sulfit::cell::*; use sulfit::config::read_mechanism; use sulfit::simulate::*;
fn main(){
 let mechanism=Arc::new(read_mechanism(Path::new("models/mg_s_tandem.toml")).unwrap());
 let values=mechanism.parameters().values();
 let cell=Cell::new(&mechanism,&values,Design::battery(6,5));
 let mut s=Simulation::new(&cell,Accuracy{relative:1e-8,absolute_factor:1e-3},cell.fresh_state()); s.rest(21600.0).unwrap();
 let y=s.state().to_vec(); let i=0.5*cell.one_c_a_m2();
  let acc=Accuracy{relative:3e-3,absolute_factor:100.0};
  for _ in 0..400 { let mut s=Simulation::new(&cell,acc,y.clone()); 
   s.galvanostatic(i,Some(0.4),8280.0,false).unwrap(); s.galvanostatic(-i,Some(2.1),8280.0,false).unwrap(); }
}
