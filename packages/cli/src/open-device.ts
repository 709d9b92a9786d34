import type { Registry } from "@pare/core";
import type { Device } from "@pare/tensor-core";
import type { DeviceFlags } from "./device.ts";
import { deviceUnavailable } from "./errors.ts";

/** Opens the backend with every registered pack made for it. Throws `core/plugin-unknown`, `cli/device-unavailable`. */
export async function openDevice(registry: Registry, { device: id, portable }: DeviceFlags): Promise<Device> {
  const packs = registry.list("pack").filter(({ backend }) => backend === id);
  const device = (await registry.find("backend", id).open({ packs, portable })) as Device | null;
  if (device !== null) return device;
  const others = registry.list("backend").map((backend) => backend.id);
  throw deviceUnavailable({ device: id, known: others.filter((other) => other !== id) });
}
