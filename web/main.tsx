/** The page's door. */

import { render } from "preact";
import { App } from "./app.tsx";
import { connect } from "./live.ts";

const host = document.getElementById("app");
if (host !== null) {
  render(<App />, host);
  connect();
}
