//! Maglev hashing: which backend a new connection goes to (Eisenbud et al., "Maglev: A Fast and Reliable Software Network Load
//! Balancer", NSDI 2016, section 3.4).
//!
//! Each backend has a preference list, a permutation of the table's places that depends on the backend alone. The
//! backends take turns, each takes the first place on its list that is still free, until the table is full. So all have
//! equal shares, and when one comes or goes few places change hands.
//!
//! Invariant: the table depends on the set of backends only, not on the order in which they came.

use super::headers::Endpoint;

/// The places, and who has them.
#[ftmb::state]
#[derive(Clone, Debug)]
pub(crate) struct Maglev {
    /// In order.
    backends: Vec<Endpoint>,
    /// For each place the index of its backend; empty if there is none.
    places: Vec<u16>,
    /// How many places there are: a prime number.
    size: u32,
}

impl Maglev {
    /// A table of so many places with these backends.
    pub(crate) fn new(size: u32, backends: impl IntoIterator<Item = Endpoint>) -> Self {
        let mut maglev = Self { backends: backends.into_iter().collect(), places: Vec::new(), size };
        maglev.populate();
        maglev
    }

    /// The backend for a connection of this client.
    #[inline]
    pub(crate) fn pick(&self, client: u64) -> Option<Endpoint> {
        let place = mix(client, 2) % u64::from(self.size);
        self.places.get(place as usize).map(|&backend| self.backends[usize::from(backend)])
    }

    /// In order of address and port.
    pub(crate) fn backends(&self) -> &[Endpoint] {
        &self.backends
    }

    /// The most backends: with more, shares would be visibly unequal.
    pub(crate) fn most(&self) -> usize {
        (self.size / 100).min(u32::from(u16::MAX)) as usize
    }

    /// Adds a backend; false: it is there already.
    pub(crate) fn add(&mut self, backend: Endpoint) -> bool {
        let is_new = !self.backends.contains(&backend);
        if is_new {
            self.backends.push(backend);
            self.populate();
        }
        is_new
    }

    /// Takes a backend away; false: it is not there.
    pub(crate) fn remove(&mut self, backend: Endpoint) -> bool {
        let before = self.backends.len();
        self.backends.retain(|own| *own != backend);
        let was_there = self.backends.len() != before;
        if was_there {
            self.populate();
        }
        was_there
    }

    /// Pseudocode 1 of the paper, with the permutations computed as they are needed.
    fn populate(&mut self) {
        self.backends.sort_unstable_by_key(|backend| backend.to_bits());
        self.backends.dedup();
        self.places.clear();
        if self.backends.is_empty() {
            return;
        }
        let size = u64::from(self.size);
        // the paper's offset and skip; the next place of a list is `skip` places further
        let mut lists: Vec<(u64, u64)> = self.backends.iter().map(|backend| preference(*backend, size)).collect();
        const FREE: u16 = u16::MAX;
        self.places.resize(size as usize, FREE);
        for turn in 0..size as usize {
            let backend = turn % lists.len();
            let (next, skip) = &mut lists[backend];
            while self.places[*next as usize] != FREE {
                *next = (*next + *skip) % size;
            }
            self.places[*next as usize] = backend as u16;
        }
    }
}

/// Where the preference list of a backend starts, and how far apart its places are. `size` is prime, so any distance but 0 leads
/// to all of them.
fn preference(backend: Endpoint, size: u64) -> (u64, u64) {
    (mix(backend.to_bits(), 0) % size, mix(backend.to_bits(), 1) % (size - 1) + 1)
}

/// A hash that is the same in every process: the finalizer of splitmix64.
#[inline]
fn mix(bits: u64, seed: u64) -> u64 {
    let x = bits ^ seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn backend(n: u8) -> Endpoint {
        Endpoint { address: [10, 1, 0, n].into(), port: 8443 }
    }

    fn shares(maglev: &Maglev) -> Vec<usize> {
        let mut shares = vec![0; maglev.backends.len()];
        maglev.places.iter().for_each(|&backend| shares[usize::from(backend)] += 1);
        shares
    }

    #[test]
    fn shares_are_equal() {
        for n in [1, 2, 3, 10, 100] {
            let shares = shares(&Maglev::new(65537, (0..n).map(backend)));
            let (least, most) = (shares.iter().min().unwrap(), shares.iter().max().unwrap());
            assert!(most - least <= 1, "{shares:?}");
        }
    }

    #[test]
    fn few_places_change_hands_when_a_backend_goes() {
        let all = Maglev::new(65537, (0..10).map(backend));
        let mut fewer = all.clone();
        assert!(fewer.remove(backend(3)) && !fewer.remove(backend(3)));
        let owner = |maglev: &Maglev, place: usize| maglev.backends[usize::from(maglev.places[place])];
        let moved = (0..65537).filter(|&place| owner(&all, place) != owner(&fewer, place)).count();
        // a tenth has to move, since its backend is gone; the paper's figure 12 shows a few percent more
        assert!((6553..6553 + 65537 / 10).contains(&moved), "{moved}");
    }

    #[test]
    fn the_order_in_which_backends_come_and_go_does_not_matter() {
        let mut maglev = Maglev::new(251, []);
        assert_eq!(maglev.pick(7), None);
        for n in [5, 1, 9, 2] {
            assert!(maglev.add(backend(n)));
        }
        assert!(!maglev.add(backend(9)) && maglev.remove(backend(9)));
        let fresh = Maglev::new(251, [1, 2, 5].map(backend));
        assert_eq!((maglev.backends, maglev.places), (fresh.backends, fresh.places));
    }

    #[test]
    fn clients_spread_over_all_backends() {
        let maglev = Maglev::new(65537, (0..4).map(backend));
        let mut counts = [0; 4];
        for client in 0..40_000 {
            let picked = maglev.pick(client).unwrap();
            counts[usize::from(picked.address.octets()[3])] += 1;
        }
        assert!(counts.iter().all(|count| (9_500..10_500).contains(count)), "{counts:?}");
    }
}
