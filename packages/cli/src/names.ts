/** What `compress` writes beside the model. */
export const RECIPE_NAME = "recipe.json";
export const LOCK_NAME = "pare-lock.json";
export const CARD_NAME = "README.md";
/** Every checkpoint's folder holds it: the sign of a folder that Pare wrote. */
export const PROVENANCE_FILE = "provenance.json";
/** Where runs keep what outlives them, unless `--store` says otherwise. */
export const STORE_FOLDER = ".pare";
