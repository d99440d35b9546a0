import { render } from "preact";
import { App } from "./app.tsx";
import { followVersion, startServiceWorker } from "./app_update.ts";
import { keepsNothing, startState } from "./app_state.ts";
import { startSending } from "./contributions/photos.ts";
import { startInstalling } from "./installing.ts";
import { startModel } from "./model_state.ts";
import { connect } from "./phone/remote.ts";
import { startRouter } from "./router.ts";
import { startUpdating } from "./updating.ts";
import "./style/all.css";

const place = document.getElementById("app");
if (place === null) throw new Error("index.html has no element #app");
followVersion();
startRouter();
startInstalling();
await startState();
render(<App />, place);

const phone = connect();
startModel(phone);
void startServiceWorker();
if (!keepsNothing.value) {
  startSending();
  await startUpdating(phone);
}
