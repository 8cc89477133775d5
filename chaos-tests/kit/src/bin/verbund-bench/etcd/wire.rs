//! The part of etcd's protocol that the benchmark speaks; field numbers as in etcd's `rpc.proto` (API version 3).

/// `ResponseHeader`, in part.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ResponseHeader {
    /// The member that answered.
    #[prost(uint64, tag = "2")]
    pub member_id: u64,
    /// The store's revision.
    #[prost(int64, tag = "3")]
    pub revision: i64,
}

/// `PutRequest`, in part.
#[derive(Clone, PartialEq, prost::Message)]
pub struct PutRequest {
    /// Under which key.
    #[prost(bytes = "bytes", tag = "1")]
    pub key: bytes::Bytes,
    /// What.
    #[prost(bytes = "bytes", tag = "2")]
    pub value: bytes::Bytes,
}

/// `PutResponse`, in part.
#[derive(Clone, PartialEq, prost::Message)]
pub struct PutResponse {
    /// Who answered, at which revision.
    #[prost(message, optional, tag = "1")]
    pub header: Option<ResponseHeader>,
}

/// `RangeRequest`, in part. `serializable` is left false: the read is linearizable.
#[derive(Clone, PartialEq, prost::Message)]
pub struct RangeRequest {
    /// Which key.
    #[prost(bytes = "bytes", tag = "1")]
    pub key: bytes::Bytes,
}

/// `mvccpb.KeyValue`, in part.
#[derive(Clone, PartialEq, prost::Message)]
pub struct KeyValue {
    /// The key.
    #[prost(bytes = "bytes", tag = "1")]
    pub key: bytes::Bytes,
    /// What is there.
    #[prost(bytes = "bytes", tag = "5")]
    pub value: bytes::Bytes,
}

/// `RangeResponse`, in part.
#[derive(Clone, PartialEq, prost::Message)]
pub struct RangeResponse {
    /// What was found.
    #[prost(message, repeated, tag = "2")]
    pub kvs: Vec<KeyValue>,
}

/// `StatusRequest`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct StatusRequest {}

/// `StatusResponse`, in part.
#[derive(Clone, PartialEq, prost::Message)]
pub struct StatusResponse {
    /// Who answered.
    #[prost(message, optional, tag = "1")]
    pub header: Option<ResponseHeader>,
    /// The daemon's version.
    #[prost(string, tag = "2")]
    pub version: String,
    /// The leader's member id; 0 while there is none.
    #[prost(uint64, tag = "4")]
    pub leader: u64,
}

/// Path of `KV.Put`.
pub const PUT: &str = "/etcdserverpb.KV/Put";
/// Path of `KV.Range`.
pub const RANGE: &str = "/etcdserverpb.KV/Range";
/// Path of `Maintenance.Status`.
pub const STATUS: &str = "/etcdserverpb.Maintenance/Status";
