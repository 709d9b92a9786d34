export * from "./unary";
