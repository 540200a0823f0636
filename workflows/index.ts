export { sweep } from './sweep-workflow.js'
export { video } from './video-workflow.js'
