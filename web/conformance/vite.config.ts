import { defineConfig } from "vite";

/** The client of the updates as one file for Node, where the conformance suite runs it. */
export default defineConfig({
  publicDir: false,
  logLevel: "warn",
  build: {
    ssr: "conformance/web_client.ts",
    target: "node20",
    outDir: "build/conformance",
    reportCompressedSize: false,
  },
});
