export { sparse_pack } from "./panels";
export { block_input_gradient, block_linear, block_values_gradient, block_vector } from "./block";
export { csr_input_gradient, csr_linear, csr_values_gradient, csr_vector } from "./csr";
