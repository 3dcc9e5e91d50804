//! Several release threads (protocol 4: the words passed are a least fixed point).

use std::sync::atomic::{AtomicU64, Ordering};

use proptest::prelude::*;

use super::*;

/// A random history of four cores over four variables: who does what in which order.
fn history() -> impl Strategy<Value = Vec<(usize, u32, bool, bool)>> {
    prop::collection::vec((0_usize..4, 0_u32..VARIABLES, any::<bool>(), any::<bool>()), 1..400)
}

/// Writes it as the recorder would; wide sections end at the core's next step.
fn write(master: &mut Master, history: &[(usize, u32, bool, bool)]) {
    let (mut acquired, mut base) = ([0_u32; VARIABLES as usize], [0_u32; VARIABLES as usize]);
    for &(core, variable, exclusive, wide) in history {
        let v = variable as usize;
        let word = if exclusive { Word::write(variable, acquired[v]) } else { Word::read(variable, base[v]) };
        acquired[v] += 1;
        if exclusive {
            base[v] = acquired[v];
        }
        if wide {
            master.word(core, word.widen()).word(core, Word::draw(0, 1)).word(core, Word(9));
            master.word(core, Word::exit(variable, base[v]));
        } else {
            master.word(core, word);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn release_threads_reach_the_fixed_point_that_one_thread_reaches(
        history in history(), cuts in prop::array::uniform4(0.0_f64..1.3),
    ) {
        let positions = |threads: usize| {
            let (mut group, mut master) = Group::started(4);
            write(&mut master, &history);
            for (core, cut) in cuts.iter().enumerate() {
                group.hidden.hide("det", core, (group.logs.det[core][0].tail() as f64 * cut) as u64);
            }
            if threads == 1 {
                group.poll();
            } else {
                let logs = group.logs.clone();
                let hidden = group.hidden.clone();
                let (tables, lanes) = group.ol.split().expect("begun");
                let progress = AtomicU64::new(0);
                std::thread::scope(|scope| {
                    for owned in lanes.chunks_mut(4_usize.div_ceil(threads)) {
                        let (progress, logs, hidden) = (&progress, &logs, &hidden);
                        scope.spawn(move || {
                            let mut idle = 0;
                            let mut seen = 0;
                            while idle < 50 {
                                let mut passed = 0;
                                for lane in &mut *owned {
                                    lane.see(hidden.det(lane.core(), 1, &logs.det[lane.core()][0]));
                                    passed += lane.advance(tables).expect("sound");
                                }
                                let all = progress.fetch_add(passed, Ordering::SeqCst) + passed;
                                idle = if all == seen { idle + 1 } else { 0 };
                                seen = all;
                                std::thread::yield_now();
                            }
                        });
                    }
                });
                // Idle threads may have missed each other's last step; nothing may be left but that.
                group.poll();
            }
            let (tables, _) = group.ol.split().expect("begun");
            let counts: Vec<_> = (0..VARIABLES).map(|id| tables.counts(id)).collect();
            (group.ol.cursors(), counts)
        };
        let one = positions(1);
        prop_assert_eq!(&positions(2), &one);
        prop_assert_eq!(&positions(4), &one);
    }
}
