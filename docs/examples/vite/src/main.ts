import { urlFiles } from "@pare/core";
import { compress } from "./compress.ts";

const TEXT = "walk and run\nrun and jump\njump and walk\nwalk twice and run\nrun twice and jump";
const element = (id: string): HTMLElement => document.getElementById(id)!;

element("run").addEventListener("click", async () => {
  element("rows").replaceChildren();
  element("warnings").textContent = "";
  const { device, weights } = await compress({
    files: urlFiles(new URL("model", location.href), [
      "config.json",
      "model.safetensors",
      "tokenizer.json",
      "tokenizer_config.json",
      "provenance.json",
    ]),
    text: TEXT,
    threads: Math.min(2, navigator.hardwareConcurrency),
    onRow: ({ step, loss, bytes }) => {
      const row = document.createElement("tr");
      row.append(
        ...[step, loss.toFixed(3), bytes.toLocaleString("en")].map((text) =>
          Object.assign(document.createElement("td"), { textContent: text }),
        ),
      );
      element("rows").append(row);
    },
    onWarning: (message) => {
      element("warnings").textContent = message;
    },
  });
  element("device").textContent = device;
  const save = element("save") as HTMLAnchorElement;
  save.href = URL.createObjectURL(new Blob([weights]));
  save.hidden = false;
});
