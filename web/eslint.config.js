import hooks from "eslint-plugin-react-hooks";
import { defineConfig } from "eslint/config";
import typescript from "typescript-eslint";

/**
 * Who may import whom, from the top down: a folder sees those behind it in this list and itself. So the line of any
 * feature can be found from the folder names, and the parts below the screens run in a worker and under Node as well.
 */
const LAYERS = [
  ["screens"],
  ["parts"],
  ["contributions"],
  ["phone"],
  ["usage", "model", "updates"],
  ["server", "guide"],
  ["words", "storage"],
];

export default defineConfig(
  { ignores: ["dist/", "build/"] },
  typescript.configs.strictTypeChecked,
  {
    files: ["**/*.{ts,tsx}"],
    languageOptions: {
      parserOptions: {
        project: ["./tsconfig.json", "./tsconfig.worker.json", "./tsconfig.node.json"],
        tsconfigRootDir: import.meta.dirname,
      },
    },
    rules: {
      "no-console": "error",
      "@typescript-eslint/consistent-type-imports": "error",
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
      "@typescript-eslint/switch-exhaustiveness-check": "error",
    },
  },
  { files: ["**/*.js"], extends: [typescript.configs.disableTypeChecked] },
  { files: ["**/*.tsx"], extends: [hooks.configs.flat.recommended] },
  LAYERS.slice(1).flatMap((layer, above) =>
    layer.map((folder) => ({
      files: [`src/${folder}/**`],
      rules: {
        "no-restricted-imports": [
          "error",
          {
            patterns: [
              {
                group: [...LAYERS.slice(0, above + 1).flat(), ...layer.filter((other) => other !== folder)].flatMap(
                  (upper) => [`**/${upper}/**`],
                ),
                message: "This folder must not know that one: see LAYERS in eslint.config.js.",
              },
            ],
          },
        ],
      },
    })),
  ),
);
