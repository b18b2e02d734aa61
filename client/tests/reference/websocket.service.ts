/** Where the reference's examples import the service from. */
export { ConnectionStatus, WebSocketService } from "../../src/index.js";
