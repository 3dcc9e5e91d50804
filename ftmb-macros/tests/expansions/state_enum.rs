#[automatically_derived]
impl ::ftmb::__private::State for Mode {
    const PIECEWISE: bool = false;
    fn layout(layout: &mut ::ftmb::__private::Layout) {
        layout.token("enum Mode");
        layout.number(3u64);
        layout.token("Idle");
        layout.number(0u64);
        layout.token("Busy");
        layout.number(1u64);
        layout.token("since");
        ::ftmb::__private::Layout::of::<<u64 as ::ftmb::__private::Held>::Type>(layout);
        layout.token("Pair");
        layout.number(2u64);
        layout.token("0");
        ::ftmb::__private::Layout::of::<<u8 as ::ftmb::__private::Held>::Type>(layout);
        layout.token("1");
        ::ftmb::__private::Layout::of::<<u8 as ::ftmb::__private::Held>::Type>(layout);
    }
    fn capture(
        &mut self,
        _extent: ::ftmb::__private::Extent,
        out: &mut ::ftmb::__private::PieceWriter<'_>,
    ) {
        ::ftmb::__private::whole::capture_whole(self, out);
    }
    fn restore(
        &mut self,
        piece: ::ftmb::__private::Piece<'_>,
    ) -> ::core::result::Result<(), ::ftmb::__private::StateError> {
        ::ftmb::__private::whole::restore_whole(self, piece)
    }
    fn restored(&mut self) -> ::core::result::Result<(), ::ftmb::__private::StateError> {
        match self {
            Self::Idle {} => {}
            Self::Busy { since: __ftmb_0 } => {
                <<u64 as ::ftmb::__private::Held>::Type as ::ftmb::__private::State>::restored(
                    __ftmb_0,
                )?;
            }
            Self::Pair { 0: __ftmb_0, 1: __ftmb_1 } => {
                <<u8 as ::ftmb::__private::Held>::Type as ::ftmb::__private::State>::restored(
                    __ftmb_0,
                )?;
                <<u8 as ::ftmb::__private::Held>::Type as ::ftmb::__private::State>::restored(
                    __ftmb_1,
                )?;
            }
        }
        ::core::result::Result::Ok(())
    }
}
#[automatically_derived]
impl ::ftmb::__private::Shareable for Mode {
    type Kind = ::ftmb::__private::Value;
    type Stored = Self;
    #[inline]
    fn into_stored(self) -> Self {
        self
    }
}
