// Version 4 of the client starts when it is imported and reads the handler from the environment.
import './node_modules/aws-lambda-ric/index.mjs';
