// Stands in for a phone's secure storage, which is not there in Node: the same calls, kept in memory.
const Module = require('node:module');

const kept = new Map();
const store = {
  AFTER_FIRST_UNLOCK_THIS_DEVICE_ONLY: 1,
  getItemAsync: async key => kept.get(key) ?? null,
  setItemAsync: async (key, value) => void kept.set(key, value),
  deleteItemAsync: async key => void kept.delete(key),
};

const load = Module._load;
Module._load = (request, ...rest) => request === 'expo-secure-store' ? store : load(request, ...rest);
