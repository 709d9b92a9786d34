export * from "./gemm";
export * from "./unary";
