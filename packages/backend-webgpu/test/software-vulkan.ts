/** Lets Dawn find Chromium's software Vulkan in this process, where nobody named another driver. */
import { existsSync } from "node:fs";

const FOLDER = "/usr/lib/chromium";

/** RTLD_NOW, and RTLD_NODELETE so that the library stays when Node finds that it is no addon. */
const KEEP = 0x2 | 0x1000;

/** A library that is loaded already is found by its name, wherever it came from. */
export function useSoftwareVulkan(): void {
  if (process.env["VK_ICD_FILENAMES"] !== undefined || !existsSync(`${FOLDER}/vk_swiftshader_icd.json`)) return;
  process.env["VK_ICD_FILENAMES"] = `${FOLDER}/vk_swiftshader_icd.json`;
  try {
    process.dlopen({ exports: {} }, `${FOLDER}/libvulkan.so.1`, KEEP);
  } catch {
    // Loaded all the same.
  }
}
