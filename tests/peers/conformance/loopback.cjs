// Loaded before what listens on all interfaces (`node --require`): keeps it to loopback. The public `listen` with a
// host would be ready only later, and the suite asks for the port at once.
"use strict";

const { Server } = require("node:net");

const bind = Server.prototype._listen2;
if (typeof bind !== "function") throw new Error("loopback.cjs: this Node.js has no net.Server.prototype._listen2");
Server.prototype._listen2 = function (address, port, ...rest) {
  return bind.call(this, address || "127.0.0.1", port, ...rest);
};
