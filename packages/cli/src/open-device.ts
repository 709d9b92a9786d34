import type { Registry } from "@pare/core";
import type { Device } from "@pare/tensor-core";
import type { DeviceFlags } from "./device.ts";
import { deviceUnavailable, threadsUnsupported } from "./errors.ts";

/** Opens the backend with every registered pack made for it. Throws `core/plugin-unknown`, `cli/device-unavailable`, `cli/threads-unsupported`. */
export async function openDevice(registry: Registry, { device: id, portable, threads = 1 }: DeviceFlags): Promise<Device> {
  const packs = registry.list("pack").filter(({ backend }) => backend === id);
  const backend = registry.find("backend", id);
  const device = (await backend.open({ packs, portable, threads })) as Device | null;
  if (device !== null) {
    if ((device.threads ?? 1) === threads) return device;
    await device.close();
    throw threadsUnsupported({ device: id, threads, most: device.threads ?? 1 });
  }
  const others = registry.list("backend").map((backend) => backend.id);
  throw deviceUnavailable({ device: id, known: others.filter((other) => other !== id), needs: backend.needs });
}
