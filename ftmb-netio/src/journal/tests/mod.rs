//! The journal without a group around it.
