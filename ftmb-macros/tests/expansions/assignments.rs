impl Nat {
    fn process(&self) -> u64 {
        #[allow(unused_imports)]
        use ::ftmb::__private::{
            Iterated as _, Received as _, ViaGuard as _, ViaReference as _,
        };
        ({
            *::ftmb::__private::Probe::new(&self.generation).__ftmb_update() = 1;
        });
        (match (self.next(),) {
            (__ftmb_0,) => {
                *::ftmb::__private::Probe::new(&self.generation).__ftmb_update()
                    += __ftmb_0;
            }
        });
        ({
            let __ftmb_0 = format!(
                "{}!", (* ::ftmb::__private::Probe::new(& self.name).__ftmb_ordered()
                .__ftmb_access())
            );
            *::ftmb::__private::Probe::new(&self.name).__ftmb_update() = __ftmb_0;
        });
        ({
            #[allow(unused_mut)]
            let mut __ftmb_field = ::ftmb::__private::Probe::new(&self.point)
                .__ftmb_update();
            (*__ftmb_field).x -= 2;
        });
        (match (
            ({
                #[allow(unused_mut)]
                let mut __ftmb_field = ::ftmb::__private::Probe::new(&self.names)
                    .__ftmb_access();
                (*__ftmb_field).len()
            }) - 1,
        ) {
            (__ftmb_0,) => {
                #[allow(unused_mut)]
                let mut __ftmb_field = ::ftmb::__private::Probe::new(&self.names)
                    .__ftmb_update();
                (*__ftmb_field)[__ftmb_0] = name;
            }
        });
        ({
            #[allow(unused_mut)]
            let mut __ftmb_field = ::ftmb::__private::Probe::new(&self.names)
                .__ftmb_access();
            *(*__ftmb_field).first_mut().unwrap() = name;
        });
        *(*::ftmb::__private::Probe::new(&self.free).__ftmb_access()).lock().unwrap()
            += 1;
        #[cfg(windows)]
        ({
            *::ftmb::__private::Probe::new(&self.generation).__ftmb_update() = 0;
        });
    }
}
const _: () = {
    const fn is_shared<T: ::ftmb::__private::Annotated>() {}
    is_shared::<Nat>()
};
