#[automatically_derived]
impl<T: ::ftmb::__private::State> ::ftmb::__private::State for Flow<T> {
    const PIECEWISE: bool = false
        || <<HashMap<
            u32,
            T,
        > as ::ftmb::__private::Held>::Type as ::ftmb::__private::State>::PIECEWISE;
    fn layout(layout: &mut ::ftmb::__private::Layout) {
        layout.token("struct Flow");
        layout.number(2u64);
        layout.token("names");
        ::ftmb::__private::Layout::of::<
            <HashMap<u32, T> as ::ftmb::__private::Held>::Type,
        >(layout);
        layout.token("foreign");
        layout.token(::core::any::type_name::<Foreign>());
    }
    fn capture(
        &mut self,
        extent: ::ftmb::__private::Extent,
        out: &mut ::ftmb::__private::PieceWriter<'_>,
    ) {
        if !<Self as ::ftmb::__private::State>::PIECEWISE {
            return ::ftmb::__private::whole::capture_whole(self, out);
        }
        let _ = extent;
        <<HashMap<
            u32,
            T,
        > as ::ftmb::__private::Held>::Type as ::ftmb::__private::State>::capture(
            &mut self.names,
            extent,
            &mut out.scoped(&[0u8]),
        );
        ::ftmb::__private::whole::capture_whole(&self.foreign, &mut out.scoped(&[1u8]));
    }
    fn restore(
        &mut self,
        piece: ::ftmb::__private::Piece<'_>,
    ) -> ::core::result::Result<(), ::ftmb::__private::StateError> {
        if !<Self as ::ftmb::__private::State>::PIECEWISE {
            return ::ftmb::__private::whole::restore_whole(self, piece);
        }
        #[allow(unused_mut)]
        let mut known = false;
        if let ::core::option::Option::Some(part) = piece.strip_prefix(&[0u8]) {
            <<HashMap<
                u32,
                T,
            > as ::ftmb::__private::Held>::Type as ::ftmb::__private::State>::restore(
                &mut self.names,
                part,
            )?;
            known = true;
        }
        if let ::core::option::Option::Some(part) = piece.strip_prefix(&[1u8]) {
            ::ftmb::__private::whole::restore_whole(&mut self.foreign, part)?;
            known = true;
        }
        if known {
            ::core::result::Result::Ok(())
        } else {
            ::core::result::Result::Err(::ftmb::__private::unknown_piece::<Self>(piece))
        }
    }
    fn restored(&mut self) -> ::core::result::Result<(), ::ftmb::__private::StateError> {
        <<HashMap<
            u32,
            T,
        > as ::ftmb::__private::Held>::Type as ::ftmb::__private::State>::restored(
            &mut self.names,
        )?;
        ::core::result::Result::Ok(())
    }
}
#[automatically_derived]
impl<T> ::ftmb::__private::Shareable for Flow<T> {
    type Kind = ::ftmb::__private::Value;
    type Stored = Self;
    #[inline]
    fn into_stored(self) -> Self {
        self
    }
}
