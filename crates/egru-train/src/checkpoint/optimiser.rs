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

#[cfg(test)]
mod tests {
    use burn_pack::{DType, Scalar, Shape, Tensor};

    use super::*;

    #[test]
    fn equal_states_are_equal_bytes() {
        let tensor = |name: &str, value: f32| {
            let bytes = Bytes::from_bytes_vec(value.to_le_bytes().to_vec());
            Tensor::new(name.to_owned(), DType::F32, Shape::new([1]), Some(7), bytes)
        };
        let record = |order: [usize; 3]| {
            let all = [("2.moment_1", 1.0), ("10.moment_1", 2.0), ("2.moment_2", 3.0)];
            let tensors = order.map(|index| tensor(all[index].0, all[index].1));
            let writer = Writer::new(tensors.into()).with_metadata("2", "head.weight");
            writer.with_scalar("2.time", Scalar::UInt(3)).into_bytes().unwrap()
        };
        let sorted = in_order(record([2, 0, 1])).unwrap();
        assert_eq!(sorted[..], in_order(record([1, 2, 0])).unwrap()[..]);
        let reader = Reader::from_bytes(sorted).unwrap();
        assert_eq!(reader.tensor_names(), ["10.moment_1", "2.moment_1", "2.moment_2"]);
        assert_eq!(reader.tensor_data("2.moment_2").unwrap(), 3.0_f32.to_le_bytes());
        assert_eq!(reader.metadata()["2"], "head.weight");
        assert_eq!(reader.scalars().len(), 1);
    }
}
