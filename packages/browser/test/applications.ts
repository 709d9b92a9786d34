/** An application as people write one: a model's folder behind a URL, a device, and what the model is for. */
import { openWasm } from "@pare/backend-wasm";
import { urlFiles } from "@pare/core";
import { load, type LoadedModel } from "@pare/models";

type Use = (model: LoadedModel) => Promise<unknown>;

const uses: Readonly<Record<string, Use>> = {
  embed: async (model) => (await model.embed(["walk twice", "run and run"])).map((vector) => [...vector]),
  classify: (model) => model.classify(["walk twice", ["run and run", "walk"]]),
  answer: (model) => model.answer("who walks?", "The city has many bridges and a lake; people walk around it."),
  fillMask: (model) => model.fillMask("The [MASK] has a lake."),
  generate: async (model) => {
    let text = "";
    for await (const piece of model.generate("walk twice", { maxTokens: 12 })) text += piece;
    return text;
  },
};

/** What a use gives, by the model whose files lie in a folder of the site. */
async function run(use: string, folder: string, names: readonly string[]): Promise<unknown> {
  const device = await openWasm();
  const model = await load(urlFiles(new URL(folder, location.href), names), { device });
  const found = await uses[use]!(model);
  await model.dispose();
  await device.close();
  return found;
}

Object.assign(globalThis, { run, uses });
