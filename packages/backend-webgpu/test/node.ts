/** WebGPU in Node, by a driver of the machine or by the software Vulkan that comes with Chromium. */
import { existsSync } from "node:fs";
import { isPareError } from "@pare/core";
import { openWebgpu, type WebgpuDevice, type WebgpuDeviceOptions } from "../src/index.ts";

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

/** Says aloud why where there is none. */
export async function openInNode(options: WebgpuDeviceOptions = {}): Promise<WebgpuDevice | undefined> {
  useSoftwareVulkan();
  try {
    return await openWebgpu(options);
  } catch (error) {
    if (!isPareError(error)) throw error;
    console.warn(`tests of WebGPU in Node are skipped: ${error.message}`);
    return undefined;
  }
}
