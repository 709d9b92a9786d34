/** What a published manifest does not hold: the workspace's own fields and the condition that names sources. */
export const hooks = {
  beforePacking({ nx: _nx, devDependencies: _devDependencies, ...manifest }) {
    const exports = Object.fromEntries(
      Object.entries(manifest.exports ?? {}).map(([entry, target]) => {
        if (typeof target === "string") return [entry, target];
        const { "@pare/source": _source, ...conditions } = target;
        return [entry, conditions];
      }),
    );
    return { ...manifest, files: [...manifest.files, "!dist/.tsbuildinfo"], exports };
  },
};
