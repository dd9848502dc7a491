// Healthy is the primary of the replica set. The set is initiated here, the first time.
//
// While the image sets up an empty volume, a server without a replica set answers; it is not healthy by this.
db.getSiblingDB("admin").auth(process.env.MONGO_INITDB_ROOT_USERNAME, process.env.MONGO_INITDB_ROOT_PASSWORD);
if (!db.hello().setName) {
  rs.initiate({ _id: "rs0", members: [{ _id: 0, host: "database:27017" }] });
}
const state = db.hello();
quit(state.setName === "rs0" && state.isWritablePrimary ? 0 : 1);
