/** Texts longer than one pass, read in segments that remember what was before (Dai et al. 2019, section 3.2). */
import type { Registry } from "@pare/core";
