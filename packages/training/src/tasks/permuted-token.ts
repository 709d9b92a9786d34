import { permutedToken as objective } from "../objectives/permuted-token.ts";
import { maskedToken } from "./masked-token.ts";
import type { Task } from "./task.ts";

/** Rows and targets as a masked language model has them: which tokens are predicted, and in which order, is the objective's choice. */
export const permutedToken: Task = { ...maskedToken, task: "permuted-token", objective };
