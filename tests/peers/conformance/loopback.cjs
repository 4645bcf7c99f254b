// Loaded before a server that listens on all interfaces (`node --require`): keeps it to loopback.
"use strict";

const net = require("node:net");

const listen = net.Server.prototype.listen;
net.Server.prototype.listen = function (port, ...rest) {
  if (typeof port === "object") throw new Error("loopback.cjs: listen(port) is the only form it knows");
  return listen.call(this, port, "127.0.0.1", ...rest.filter((each) => typeof each !== "string"));
};
