export { sweep } from './sweep/sweep-workflow.js'
export { video } from './video/video-workflow.js'
