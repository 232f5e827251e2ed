//! Hints to the processor and the system about memory; none changes what is computed.

/// Asks for huge pages for memory that is not touched yet: a tenth less time, as nearly every look
/// into a large table is to another page.
pub(super) fn huge_pages<T>(table: &mut [T]) {
    // SAFETY: a hint about whole pages of memory that this slice borrows; their contents stay.
    #[cfg(target_os = "linux")]
    unsafe {
        const PAGE: usize = 4096;
        let range = table.as_mut_ptr_range();
        let start = (range.start as usize).next_multiple_of(PAGE);
        let end = range.end as usize / PAGE * PAGE;
        if start < end {
            let address = std::ptr::with_exposed_provenance_mut(start);
            libc::madvise(address, end - start, libc::MADV_HUGEPAGE);
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = table;
}

/// Asks the processor to bring `value` near; changes nothing.
#[inline(always)]
pub(super) fn prefetch<T>(value: &T) {
    // SAFETY: a hint about an address, which a reference makes valid; it cannot fault.
    #[cfg(target_arch = "x86_64")]
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(value).cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = value;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn huge_pages_change_nothing() {
        for slots in [0, 1, 1000, 1 << 16] {
            let mut table = vec![[7u16; 16]; slots];
            huge_pages(&mut table);
            assert!(table.iter().all(|slot| *slot == [7; 16]));
        }
    }

    #[test]
    fn prefetching_changes_nothing() {
        let values = vec![1u8, 2, 3];
        values.iter().for_each(prefetch);
        assert_eq!(values, [1, 2, 3]);
    }
}
