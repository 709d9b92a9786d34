export { f32_pack_8 } from "./panels";
export { f32_linear_block_input_gradient_4x8, f32_linear_block_4x8, f32_linear_block_values_gradient_4x8, f32_linear_block_4x1 } from "./block";
export { i16_linear_block_4x1, i16_linear_block_4x8, i16_pack_pairs_8 } from "./block-int8";
export { f32_linear_csr_input_gradient_1x8, f32_linear_csr_1x8, f32_linear_csr_values_gradient_1x8, f32_linear_csr_1x1 } from "./csr";
