// Healthy is a member of the replica set with data. The set is initiated here, the first time, by the member that has the
// users; it waits until it can reach the others.
//
// While the image sets up an empty volume, a server without a replica set answers; it is not healthy by this.
if (process.env.MONGO_INITDB_ROOT_USERNAME && !db.hello().setName) {
  db.getSiblingDB("admin").auth(process.env.MONGO_INITDB_ROOT_USERNAME, process.env.MONGO_INITDB_ROOT_PASSWORD);
  rs.initiate({
    _id: "rs0",
    members: ["database-1", "database-2", "database-3"].map((name, _id) => ({ _id, host: `${name}:27017` })),
  });
}
const state = db.hello();
quit(state.setName === "rs0" && (state.isWritablePrimary || state.secondary) ? 0 : 1);
