// Lambda's Node 22 still takes handlers with a callback, which the client's later versions refuse: version 3, started by its function.
import { run } from './node_modules/aws-lambda-ric/dist/index.mjs';

await run(process.env.LAMBDA_TASK_ROOT ?? '/var/task', process.env._HANDLER ?? '');
