//! The scenes that cases are drawn from: what programs look like, how fast each party moves, and what fails when.

use crate::program::Shape;
use crate::scheduler::Actor;

/// How the parties of a group share time, and what befalls them.
pub(crate) type Weights = [(usize, Actor); 12];

pub(crate) struct Schedule {
    /// Weights while the epoch is active, and while it is not.
    pub(crate) active: Weights,
    pub(crate) replaying: Weights,
    /// Chance that a core publishes after a packet.
    pub(crate) publish: u32,
    /// Chance that a crash takes the host, with the inputs that no other host has.
    pub(crate) hosts_lost: u32,
    /// The most steps between crashes, and the chance that the next one follows within a few.
    pub(crate) gap: usize,
    pub(crate) soon: u32,
}

pub(crate) struct Scene {
    pub(crate) name: &'static str,
    pub(crate) shape: Shape,
    pub(crate) schedule: Schedule,
}

/// Weights in the order in which the actors are declared.
const fn weights(of: [usize; 12]) -> Weights {
    [
        (of[0], Actor::Cores),
        (of[1], Actor::InputLogger),
        (of[2], Actor::DetStream),
        (of[3], Actor::OutStream),
        (of[4], Actor::Cursors),
        (of[5], Actor::Outputs),
        (of[6], Actor::Gateway),
        (of[7], Actor::Operator),
        (of[8], Actor::Capture),
        (of[9], Actor::Keeper),
        (of[10], Actor::OutputLoggerRestart),
        (of[11], Actor::KeeperRestart),
    ]
}

const SHAPE: Shape = Shape {
    cores: (2, 4),
    variables: (1, 3),
    packets: (2, 3),
    ops: (2, 6),
    depth: 2,
    reads: 35,
    tries: 15,
    draws: 12,
    downgrades: 8,
    maps: 15,
    branches: 10,
    emits: 75,
};

//                                   core  in det out cur outs gate op cap keep ol keeper
const WEIGHTS: Weights = weights([30, 12, 12, 8, 14, 10, 5, 2, 6, 6, 1, 1]);

const SCHEDULE: Schedule =
    Schedule { active: WEIGHTS, replaying: WEIGHTS, publish: 60, hosts_lost: 25, gap: 200, soon: 40 };

/// Every scene takes part in the run of the correct protocol, in turn.
pub(crate) static SCENES: [Scene; 10] = [
    Scene { name: "mixed", shape: SHAPE, schedule: SCHEDULE },
    Scene {
        name: "nested sections",
        shape: Shape { variables: (2, 3), depth: 3, ops: (4, 8), tries: 5, draws: 5, branches: 5, ..SHAPE },
        schedule: SCHEDULE,
    },
    Scene {
        name: "readers and downgrades",
        shape: Shape { variables: (1, 2), reads: 65, downgrades: 35, tries: 5, draws: 10, ..SHAPE },
        schedule: SCHEDULE,
    },
    Scene {
        name: "draws and tries",
        shape: Shape { variables: (1, 2), draws: 35, tries: 40, downgrades: 0, ..SHAPE },
        schedule: SCHEDULE,
    },
    Scene {
        name: "checkpoints",
        shape: Shape { variables: (1, 2), packets: (3, 4), ops: (1, 4), maps: 60, reads: 45, ..SHAPE },
        schedule: Schedule {
            active: weights([24, 14, 12, 10, 14, 14, 10, 10, 16, 20, 1, 3]),
            replaying: weights([24, 14, 12, 10, 14, 14, 10, 10, 16, 20, 1, 3]),
            publish: 80,
            gap: 220,
            soon: 25,
            ..SCHEDULE
        },
    },
    Scene {
        name: "outputs lag behind",
        shape: Shape { packets: (3, 4), ops: (2, 4), variables: (1, 2), ..SHAPE },
        schedule: Schedule {
            active: weights([30, 12, 16, 3, 24, 5, 10, 14, 20, 24, 1, 1]),
            replaying: weights([30, 12, 16, 3, 24, 5, 10, 14, 20, 24, 1, 1]),
            publish: 70,
            hosts_lost: 0,
            gap: 160,
            soon: 10,
        },
    },
    Scene {
        name: "inputs lag behind",
        shape: Shape { variables: (1, 2), ops: (0, 3), packets: (3, 4), emits: 60, ..SHAPE },
        schedule: Schedule {
            active: weights([30, 10, 20, 16, 20, 16, 10, 8, 12, 14, 1, 1]),
            replaying: weights([30, 10, 20, 16, 20, 16, 10, 8, 12, 14, 1, 1]),
            hosts_lost: 85,
            publish: 85,
            ..SCHEDULE
        },
    },
    Scene {
        name: "restless proxies",
        shape: SHAPE,
        schedule: Schedule {
            active: weights([26, 12, 12, 10, 14, 12, 6, 5, 10, 10, 8, 5]),
            replaying: weights([26, 12, 12, 10, 14, 12, 6, 5, 10, 10, 8, 5]),
            ..SCHEDULE
        },
    },
    // Packets that emit little, a long published past, and after a crash a checkpoint before activation.
    Scene {
        name: "hasty checkpoints",
        shape: Shape {
            cores: (2, 3),
            variables: (1, 1),
            packets: (5, 6),
            ops: (2, 4),
            tries: 65,
            branches: 50,
            draws: 25,
            downgrades: 0,
            maps: 0,
            emits: 6,
            ..SHAPE
        },
        schedule: Schedule {
            active: weights([40, 20, 2, 3, 10, 2, 5, 0, 0, 0, 0, 0]),
            replaying: weights([30, 10, 25, 2, 30, 2, 30, 40, 30, 50, 0, 0]),
            publish: 90,
            hosts_lost: 0,
            gap: 300,
            soon: 0,
        },
    },
    Scene {
        name: "determinants lag behind",
        shape: Shape { variables: (1, 2), draws: 25, tries: 25, ..SHAPE },
        schedule: Schedule {
            active: weights([26, 14, 16, 14, 20, 16, 4, 1, 6, 6, 1, 1]),
            replaying: weights([40, 10, 3, 20, 10, 30, 20, 1, 4, 4, 1, 1]),
            publish: 90,
            hosts_lost: 10,
            gap: 160,
            soon: 30,
        },
    },
];
