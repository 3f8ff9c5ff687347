//! The carried recurrent state as bytes: safetensors, by the names of the state's tensors.

use burn::tensor::{Device, Tensor, TensorData};
use egru::{CellState, StackState};
use safetensors::tensor::{Dtype, SafeTensors, TensorView, serialize};

/// The state as a safetensors file.
pub(crate) fn pack<S: CellState>(state: StackState<S>) -> Result<Vec<u8>, String> {
    let mut tensors = Vec::new();
    for (name, tensor) in state.into_tensors() {
        let shape = tensor.dims().to_vec();
        let values = tensor.try_to_vec_as::<f32>().map_err(|error| format!("{error:?}"))?;
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        tensors.push((name, shape, bytes));
    }
    let views = tensors
        .iter()
        .map(|(name, shape, bytes)| {
            let view = TensorView::new(Dtype::F32, shape.clone(), bytes);
            Ok((name.as_str(), view.map_err(|error| error.to_string())?))
        })
        .collect::<Result<Vec<_>, String>>()?;
    serialize(views, None).map_err(|error| error.to_string())
}

/// The state of a safetensors file, on `device`.
pub(crate) fn unpack<S: CellState>(bytes: &[u8], device: &Device) -> Result<StackState<S>, String> {
    let file = SafeTensors::deserialize(bytes).map_err(|error| error.to_string())?;
    // The names are `layer.tensor`, in the file's own order: by layer, then as the state has them.
    let order = |name: &str| {
        let (layer, tensor) = name.split_once('.')?;
        Some((layer.parse::<usize>().ok()?, S::NAMES.iter().position(|own| *own == tensor)?))
    };
    let mut tensors: Vec<_> = file.tensors();
    tensors.sort_by_key(|(name, _)| order(name));
    let tensor = |(name, view): (String, TensorView<'_>)| {
        let &[batch, units] = view.shape() else {
            return Err(format!("`{name}` has the shape {:?}, not two axes", view.shape()));
        };
        let values: Vec<f32> = view
            .data()
            .chunks_exact(4)
            .map(|bytes| f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
            .collect();
        let data = TensorData::new(values, [batch, units]);
        Ok((name, Tensor::<2>::from_data(data, device)))
    };
    let tensors = tensors.into_iter().map(tensor).collect::<Result<Vec<_>, String>>()?;
    StackState::from_tensors(tensors).map_err(|error| error.to_string())
}
