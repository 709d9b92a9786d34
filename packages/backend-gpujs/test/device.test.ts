import { readFileSync } from "node:fs";
import { join } from "node:path";
import { addOp, broadcastOp, castOp, type Device, type PlannedTensor } from "@pare/tensor-core";
import { expect, test } from "vitest";
import { gpujsBackend, openGpujs, UNSUPPORTED, type GpujsPack } from "../src/index.ts";
import { compareMemory } from "./programs.ts";

const cpu = (): Promise<Device> => openGpujs({ mode: "cpu" });

test("a device that was not told its mode says where no GPU runs its kernels", async () => {
  const warnings: string[] = [];
  const device = await openGpujs({ onWarning: (message) => warnings.push(message) });
  await device.close();
  if (device.variant === "headlessgl") expect(warnings).toEqual([]);
  else {
    expect(device.variant).toBe("cpu");
    expect(warnings).toEqual([expect.stringContaining('its kernels run as "cpu"')]);
  }
});

test("a mode that is not there is refused by its code", async () => {
  await expect(openGpujs({ mode: "webgl2" })).rejects.toThrow(/backend-gpujs\/mode-unavailable/);
});

test("tensors over each other in one buffer are what they are on the reference", async () => {
  for (let seed = 1; seed <= 5; seed++) expect(await compareMemory(await cpu(), seed, 40)).toBe(-1);
});

test("an integer beyond 2²⁴ is refused where it would be rounded, and rounded where it is cast", async () => {
  const device = await cpu();
  const buffer = device.allocate(256);
  const at = (offset: number, dtype: PlannedTensor["dtype"]): PlannedTensor => ({ dtype, shape: [2], buffer, offset, constant: false });
  const copy = { op: broadcastOp, attrs: { shape: [2] }, inputs: { x: at(0, "i32") }, outputs: { y: at(64, "i32") } };
  const cast = { op: castOp, attrs: { dtype: "f32" }, inputs: { x: at(0, "i32") }, outputs: { y: at(64, "f32") } };
  const sum = { op: addOp, attrs: {}, inputs: { a: at(0, "i32"), b: at(0, "i32") }, outputs: { y: at(64, "i32") } };

  device.write(buffer, Int32Array.of(3, 2 ** 24 + 1));
  await device.prepare([cast]).run();
  expect([...new Float32Array((await device.read(buffer, 64, 8)).buffer)]).toEqual([3, 2 ** 24]);
  await expect(device.prepare([copy]).run()).rejects.toThrow(/backend-gpujs\/integer-inexact/);

  device.write(buffer, Int32Array.of(3, 2 ** 24));
  await device.prepare([copy]).run();
  expect([...new Int32Array((await device.read(buffer, 64, 8)).buffer)]).toEqual([3, 2 ** 24]);
  await device.prepare([sum]).run();
  await expect(device.read(buffer, 64, 8)).rejects.toThrow(/backend-gpujs\/integer-inexact/);
  await device.close();
});

test("tensors of other types are refused when a program is prepared", async () => {
  const device = await cpu();
  const buffer = device.allocate(64);
  const tensor: PlannedTensor = { dtype: "f64", shape: [2], buffer, offset: 0, constant: false };
  expect(() => device.prepare([{ op: addOp, attrs: {}, inputs: { a: tensor, b: tensor }, outputs: { y: tensor } }])).toThrow(
    /backend-gpujs\/dtype-unsupported/,
  );
  await device.close();
});

test("the plugin opens the device, with kernels of packs made for it", async () => {
  const described = { kind: "pack", version: 1, apiVersion: 1, package: "acme" } as const;
  const pack: GpujsPack = {
    ...described,
    id: "acme/gpujs",
    backend: "gpujs",
    kernels: [
      {
        op: "acme/double",
        encode: (encoder, { x }, { y }) =>
          encoder.pass({ name: "acme_double", parameters: { x: "tensor" }, body: "return 2.0 * x[i];" }, y!, { x: x! }),
      },
    ],
  };
  const warn = console.warn;
  console.warn = () => undefined;
  const device = (await gpujsBackend.open({ packs: [pack, { ...described, id: "acme/wasm", backend: "wasm" }] }))!;
  console.warn = warn;
  expect(device.supports("acme/double")).toBe(true);
  const buffer = device.allocate(128);
  device.write(buffer, Float32Array.of(1.5, -3));
  const at = (offset: number): PlannedTensor => ({ dtype: "f32", shape: [2], buffer, offset, constant: false });
  await device.prepare([{ op: { ...addOp, name: "acme/double" }, attrs: {}, inputs: { x: at(0) }, outputs: { y: at(64) } }]).run();
  expect([...new Float32Array((await device.read(buffer, 64, 8)).buffer)]).toEqual([3, -6]);
  await device.close();
});

test("the README lists what the device leaves to the reference, and why", async () => {
  const device = await cpu();
  const readme = readFileSync(join(import.meta.dirname, "../README.md"), "utf8");
  for (const [op, why] of Object.entries(UNSUPPORTED)) {
    expect(device.supports(op)).toBe(false);
    expect(readme).toContain(`| \`${op}\` | ${why} |`);
  }
  await device.close();
});
