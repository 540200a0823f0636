/** The environment that the stack's processes inherit; their own settings are laid over it. */
export function environment(): NodeJS.ProcessEnv {
  // Handed on to children, and to readSettings: nothing is decided by it here.
  // eslint-disable-next-line no-restricted-properties -- as said above
  return process.env
}
