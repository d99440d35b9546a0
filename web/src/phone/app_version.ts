/** What manifests ask for by `minimum_app_version`. */
export { version as APP_VERSION } from "../../package.json";
