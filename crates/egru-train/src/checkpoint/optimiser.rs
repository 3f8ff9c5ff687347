//! The optimiser's record in a fixed order: Burn writes its tensors as a hash map gives them, another way in every process.

use burn::tensor::Bytes;
use burn_pack::{Error, Reader, Writer};

/// The record with its tensors in the order of their names, so that equal states are equal bytes.
pub(crate) fn in_order(record: Bytes) -> Result<Bytes, Error> {
    let reader = Reader::from_bytes(record)?;
    let (scalars, paths) = (reader.scalars().clone(), reader.metadata().clone());
    let mut tensors = reader.into_tensors()?;
    tensors.sort_by(|a, b| a.name.cmp(&b.name));
    let mut writer = Writer::new(tensors);
    for (name, value) in scalars {
        writer = writer.with_scalar(&name, value);
    }
    for (name, path) in paths {
        writer = writer.with_metadata(&name, &path);
    }
    writer.into_bytes()
}
