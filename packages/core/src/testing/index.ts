export {
  type AdapterHarness,
  defineAdapterContract,
} from './adapter-contract.js'
export { defineLockContract } from './lock-contract.js'
