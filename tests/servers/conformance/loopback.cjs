// Loaded before the suite: whatever it may try, no connection leaves the machine.
const net = require('node:net');

const connect = net.Socket.prototype.connect;
net.Socket.prototype.connect = function (...args) {
  const options = net._normalizeArgs(args.length === 1 && Array.isArray(args[0]) ? args[0] : args)[0];
  const host = options.host ?? 'localhost';
  if (!options.path && host !== 'localhost' && host !== '::1' && !/^127\.\d+\.\d+\.\d+$/.test(host)) {
    throw new Error(`the tests connect to loopback only, not to ${host}`);
  }
  return connect.apply(this, args);
};
