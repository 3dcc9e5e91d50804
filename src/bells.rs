//! Where the threads of a group on one host sleep: the bells of its group record.

use ftmb_netio::group_record::GroupRecord;
use ftmb_runtime::log::Bell;
use ftmb_runtime::worker::Bells;

/// The bells of a group record, as the cores see them.
#[derive(Clone, Debug)]
pub(crate) struct RecordBells(pub(crate) GroupRecord);

impl Bells for RecordBells {
    fn core(&self, core: usize) -> Bell<'_> {
        self.0.core_bell(core)
    }
    fn downstream(&self) -> Bell<'_> {
        self.0.gateway_bell()
    }
}
