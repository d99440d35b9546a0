import { render } from "preact";
import { App } from "./app.tsx";
import { startState } from "./app_state.ts";
import { startRouter } from "./router.ts";
import "./style/all.css";

const place = document.getElementById("app");
if (place === null) throw new Error("index.html has no element #app");
startRouter();
await startState();
render(<App />, place);
