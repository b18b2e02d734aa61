// Socket.IO as its tutorial shows it: an event from one client is emitted to all.
import { createServer } from "node:http";
import { Server } from "socket.io";

const http = createServer();
// Heartbeats would come between the counted frames: none within a measurement.
const io = new Server(http, { transports: ["websocket"], pingInterval: 600_000 });

io.on("connection", (socket) => {
  socket.on("bench", (message) => io.emit("bench", message));
});
http.listen(Number(process.argv[2]), "127.0.0.1");
