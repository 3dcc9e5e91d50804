impl Nat {
    fn process(&self) -> u64 {
        #[allow(unused_imports)]
        use ::ftmb::__private::{
            Iterated as _, Received as _, ViaGuard as _, ViaReference as _,
        };
        for name in (*::ftmb::__private::Probe::new(&self.names)
            .__ftmb_ordered()
            .__ftmb_access())
            .iter()
        {
            count(name);
        }
        for name in (*::ftmb::__private::Probe::new(&self.names)
            .__ftmb_ordered()
            .__ftmb_lent_copy())
            .iter()
        {
            ({
                *::ftmb::__private::Probe::new(&self.total).__ftmb_update() += 1;
            });
        }
        for name in &mut (*::ftmb::__private::Probe::new(&self.names)
            .__ftmb_ordered()
            .__ftmb_lent())
        {
            ({
                *::ftmb::__private::Probe::new(&self.total).__ftmb_update() += 1;
            });
        }
        if let Some(largest) = ({
            #[allow(unused_mut)]
            let mut __ftmb_field = ::ftmb::__private::Probe::new(&self.sizes)
                .__ftmb_ordered()
                .__ftmb_access();
            (*__ftmb_field).iter().copied().max()
        }) {
            ({
                *::ftmb::__private::Probe::new(&self.total).__ftmb_update() = largest;
            });
        }
        ({
            #[allow(unused_mut)]
            let mut __ftmb_field = ::ftmb::__private::Probe::new(&self.names)
                .__ftmb_access();
            (*__ftmb_field).pop()
        })
            .map(|last| {
                ({
                    #[allow(unused_mut)]
                    let mut __ftmb_field = ::ftmb::__private::Probe::new(&self.names)
                        .__ftmb_access();
                    (*__ftmb_field).push(last)
                })
            });
        (match ::core::format_args!(
            "{}", ({ #[allow(unused_mut)] let mut __ftmb_field =
            ::ftmb::__private::Probe::new(& self.log).__ftmb_access(); (* __ftmb_field)
            .len() })
        ) {
            __ftmb_text => {
                write!(
                    (* ::ftmb::__private::Probe::new(& self.log).__ftmb_access()), "{}",
                    __ftmb_text
                )
            }
        });
        match (*::ftmb::__private::Probe::new(&self.mode).__ftmb_matched()) {
            Mode::Idle => {
                ({
                    *::ftmb::__private::Probe::new(&self.mode).__ftmb_update() = Mode::Busy;
                })
            }
            _ => {}
        }
    }
}
const _: () = {
    const fn is_shared<T: ::ftmb::__private::Annotated>() {}
    is_shared::<Nat>()
};
